output "user_data" {
  description = "The cloud-config document, at most 16 KiB; holds the secrets."
  value       = local.user_data
  sensitive   = true

  precondition {
    condition     = length(local.user_data) <= 16384
    error_message = "User data is longer than 16384 bytes, the least that all clouds take: shorten env, secrets or command."
  }
}
