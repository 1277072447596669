"""`python -m sheetanchor` is the command `sheetanchor`."""

from sheetanchor.cli.main import main

main()
