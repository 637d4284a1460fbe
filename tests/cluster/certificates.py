"""Certificates for a cluster's tests."""

from __future__ import annotations

from pathlib import Path

import trustme


def write(folder: Path) -> dict[str, str]:
    """A signer's own, and one that it signed: the settings that name them."""
    folder.mkdir()
    signer = trustme.CA()
    signed = signer.issue_cert("dap-bridge.test")
    signer.cert_pem.write_to_path(folder / "ca.pem")
    signed.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    signed.private_key_pem.write_to_path(folder / "key.pem")
    return {f"DAP_BRIDGE_WORKERS_TLS_{name.upper()}": str(folder / f"{name}.pem") for name in ("ca", "cert", "key")}
