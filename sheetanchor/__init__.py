"""Find services by gRPC and DNS, and keep finding them when things break.

`sheetanchor.client` is what a service imports to register itself,
`sheetanchor.v1` the generated contract, `sheetanchor.cli` the command.
"""
