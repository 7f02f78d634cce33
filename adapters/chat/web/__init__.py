"""The HTTP side: JSON API, one plain page, health. Front ends hand requests in and read what is remembered."""
