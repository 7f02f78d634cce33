"""The HTTP side: sign-in, the JSON API, the studio, the admin pages, health and metrics. Hands requests in and reads what is remembered."""
