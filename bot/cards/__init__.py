"""Cards: what people see of a job. Words, fields and buttons; each chat draws them in its own way."""
