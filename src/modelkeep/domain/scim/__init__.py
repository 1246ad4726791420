"""SCIM 2.0 (RFC 7643, RFC 7644) over the registry's principals: attributes, filters, changes. Pure functions of what was read."""
