"""Dates as people of every country read them without doubt (ISO 8601), and narrow enough for the admin's columns."""

DATE_FORMAT = "Y-m-d"
DATETIME_FORMAT = "Y-m-d H:i:s"
