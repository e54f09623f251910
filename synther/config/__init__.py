"""What `config/` says: files checked against schemas, and names resolved to specs and settings."""

from synther.config.loading import (
    TAKEN,
    ByPreset,
    config_dir,
    load,
    load_preset,
    preset_names,
    read_yaml,
    schema_dir,
    spec,
    validate,
)

__all__ = [
    "TAKEN",
    "ByPreset",
    "config_dir",
    "load",
    "load_preset",
    "preset_names",
    "read_yaml",
    "schema_dir",
    "spec",
    "validate",
]
