"""One self-contained HTML page of everything that a preset's runs have left."""
