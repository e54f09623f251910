"""What `config/` says: files checked against schemas, and names resolved to specs and settings."""

from synther.config.loading import TAKEN as TAKEN
from synther.config.loading import ByPreset as ByPreset
from synther.config.loading import config_dir as config_dir
from synther.config.loading import load as load
from synther.config.loading import load_preset as load_preset
from synther.config.loading import preset_names as preset_names
from synther.config.loading import read_yaml as read_yaml
from synther.config.loading import schema_dir as schema_dir
from synther.config.loading import spec as spec
from synther.config.loading import validate as validate
