"""More of a texture: new latents, a generator that draws from them, phase of its own."""
