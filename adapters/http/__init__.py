"""HTTP outwards: the one client every adapter uses, the connection of a paid request, guarded downloads.

Belongs here: sockets, TLS, deadlines, size limits, and which addresses may be spoken to. What a provider or a chat means
by its answers belongs to its adapter.
"""
