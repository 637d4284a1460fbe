"""Component consensus: many small components, grouped by what many clusterings agree on, redrawn by networks."""
