"""Chats: couriers and front ends. Adapters of one kind never import each other."""
