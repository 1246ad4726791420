variable "catalog" {
  description = "Name of the catalog of production."
  type        = string
  default     = "prod"
}

variable "schema" {
  description = "Name of the team's schema in it."
  type        = string
  default     = "ml_team"
}

variable "scientists" {
  description = "Users who register models."
  type        = set(string)
  default     = ["alice@example.com"]
}
