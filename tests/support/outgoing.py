"""A code as carriers get it."""

from __future__ import annotations

PHONE = "+22238089336"
TEXT = "Votre code est 482913. Ne le donnez à personne.\nمرحبا \U0001f44b"
CODE = "482913"
ID = "0b0b3a0e-7a55-4c6e-9b0a-6f6d5d1f2a11"
