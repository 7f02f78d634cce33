"""Stand-ins for the outside: clients of the judges, a workshop that decodes nothing, a clock that tests own."""
