"""Many processes of Reelbot on one PostgreSQL, and what befalls them: killed, frozen, cut off, and a restarted database.

member.py        one process of the product with the roles it is told, and without codecs
town.py          the server, the emulated service, the members, and the wire between a member and the database
books.py         what the database and the service's bills say in the end, and whether it agrees
test_cluster.py  three hundred jobs, and everything at once
"""
