"""The verb `choose`: another one of a separation's answers."""
