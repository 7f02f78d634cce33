"""Money: amounts, prices, the ledger, and the limits nobody's job may exceed."""
