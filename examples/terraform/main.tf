# --- principals ------------------------------------------------------------------------------------------------------

resource "databricks_user" "scientist" {
  for_each  = var.scientists
  user_name = each.key
}

resource "databricks_group" "scientists" {
  display_name = "${var.catalog}-scientists"
}

resource "databricks_group_member" "scientist" {
  for_each  = databricks_user.scientist
  group_id  = databricks_group.scientists.id
  member_id = each.value.id
}

resource "databricks_service_principal" "scoring" {
  application_id = "${var.catalog}-nightly-scoring"
  display_name   = "Nightly scoring"
}

# --- securables ------------------------------------------------------------------------------------------------------

resource "databricks_catalog" "this" {
  name          = var.catalog
  comment       = "Models in production."
  force_destroy = false
}

resource "databricks_schema" "this" {
  catalog_name = databricks_catalog.this.name
  name         = var.schema
  comment      = "Models of the ML team."
}

resource "databricks_registered_model" "fraud" {
  catalog_name = databricks_catalog.this.name
  schema_name  = databricks_schema.this.name
  name         = "fraud_detection"
  comment      = "Scores card transactions."
}

# --- grants: each resource holds all grants of its securable ---------------------------------------------------------

resource "databricks_grants" "catalog" {
  catalog = databricks_catalog.this.name

  grant {
    principal  = databricks_group.scientists.display_name
    privileges = ["USE_CATALOG"]
  }

  grant {
    principal  = databricks_service_principal.scoring.application_id
    privileges = ["USE_CATALOG"]
  }
}

resource "databricks_grants" "schema" {
  schema = databricks_schema.this.id

  grant {
    principal  = databricks_group.scientists.display_name
    privileges = ["USE_SCHEMA", "EXECUTE", "CREATE_MODEL"]
  }

  grant {
    principal  = databricks_service_principal.scoring.application_id
    privileges = ["USE_SCHEMA"]
  }
}

resource "databricks_grants" "fraud" {
  model = databricks_registered_model.fraud.id

  grant {
    principal  = databricks_service_principal.scoring.application_id
    privileges = ["EXECUTE"]
  }
}
