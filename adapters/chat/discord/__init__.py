"""Discord: the gateway brings in what people ask, its REST side brings out cards and clips."""
