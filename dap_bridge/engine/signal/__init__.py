"""What a signal is made of and put together from again: spectrograms, phase, masks, boxes, gains; knows no method."""
