"""The files and the language of TENNLab's tools: their networks as images and back, and a session as they know it."""
