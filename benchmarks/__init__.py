"""One script per number we claim; `README.md` beside this file says how to read them."""
