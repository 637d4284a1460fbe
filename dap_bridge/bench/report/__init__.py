"""From rows to reports: tables, pictures, and the pages that hold them."""
