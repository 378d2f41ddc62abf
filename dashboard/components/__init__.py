"""Building blocks of pages: charts, tables, tiles, filters, states."""
