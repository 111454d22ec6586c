"""What every endpoint of the API stands on: parsing, rendering, errors, permissions, cursors."""
