"""The command `sheetanchor`: starts servers, and is the operators' client of them.

Every verb is a module; what a verb needs is imported when it runs, so that `--help` and
shell completion are quick and a DNS frontend loads no SQL.
"""
