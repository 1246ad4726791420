output "model" {
  description = "Full name of the model, for models:/ addresses."
  value       = databricks_registered_model.fraud.id
}
