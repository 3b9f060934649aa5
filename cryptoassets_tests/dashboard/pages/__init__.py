"""The pages of the dashboard, opened in a browser."""
