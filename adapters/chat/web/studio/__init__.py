"""The studio: pages for people, drawn on the server. A page asks `Service`, fills a template, and says nothing of its own."""
