"""Jobs: what one is, its states, how it is accepted, what people may ask of it, and what happened to it."""
