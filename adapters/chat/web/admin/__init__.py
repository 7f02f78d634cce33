"""Pages of operators and team leads: what needs a decision, what may be spent and was, who may, and how it all fares.

Every act is a plain form that is posted, decided by `bot.operating`, and answered with a page to go on to.
"""
