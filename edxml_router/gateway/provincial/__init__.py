"""The forms that provincial integration platforms have given the axis's calls, as translations of the same services:
a log-in with bearer tokens and multipart (``lgsp``), and OAuth2 with JSON (``wso2``).
"""
