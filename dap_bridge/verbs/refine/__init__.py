"""The verb `refine`: a separation corrected by boxes."""
