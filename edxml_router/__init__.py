"""A message router for edXML document exchange between government agencies (QCVN 102:2016/BTTTT)."""

__version__ = "0.1.0"
