"""What a maintainer runs; each room behind one nox session, none of it shipped."""
