"""Documentation, and the script that builds its generated parts."""
