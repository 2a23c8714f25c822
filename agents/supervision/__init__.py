"""The supervisor: it reports lost runs, expires sessions, shreds keys and collects artifacts."""
