"""The verb `coseparate`: the sound that several clips share, and what each has of its own."""
