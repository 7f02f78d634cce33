"""The product: jobs, money, limits, prompts, the tracker, settings, the CLI.

What belongs here: decisions. What does not: network, SQL, chat libraries, codecs; those live in
`adapters` and `storage` and reach the product through the protocols of `bot.ports`.
"""

__version__ = "0.1.0"
