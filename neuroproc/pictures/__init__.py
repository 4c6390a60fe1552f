"""Pictures of networks, images and runs. Only `canvas` knows matplotlib, the optional extra ``plot``."""
