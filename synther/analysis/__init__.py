"""Statistics, tables and figures, made from result rows alone; neither torch nor simulator."""
