"""Languages: what people read, said in English at once and in their own language when it is shown.

A sentence is made with `say` wherever it is known, and is an ordinary English `str` to whoever keeps, logs or prints it.
Whoever shows it to a person asks `in_language` for it. No formats of chats, and no words of commands.
"""
