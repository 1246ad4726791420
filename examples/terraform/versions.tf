terraform {
  required_version = ">= 1.5"

  required_providers {
    databricks = {
      source  = "databricks/databricks"
      version = ">= 1.90"
    }
  }
}

# Address and token come from DATABRICKS_HOST and DATABRICKS_TOKEN: eval "$(modelkeep env)"
provider "databricks" {}
