"""What keeps quotients and logarithms finite, and is too little to be heard in what they give."""

# Of magnitudes, shares, and what has been brought to about one.
TINY = 1e-12
# Of powers and spectra of sound as it comes, however faint.
FAINT = 1e-20
