"""`sheetanchor drill`: outages of the past, re-enacted with real processes on this machine."""
