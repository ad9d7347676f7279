variable "site_name" {
  description = "DNS label of the site; SITE_NAME in the container."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,30}[a-z0-9]$", var.site_name))
    error_message = "site_name must have 3 to 32 characters of a-z, 0-9 and -, start with a letter and not end with -."
  }
}

variable "image" {
  description = "Container image reference."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-zA-Z0-9][a-zA-Z0-9._:/@-]{0,254}$", var.image))
    error_message = "image must be a container image reference."
  }
}

variable "port" {
  description = "TCP port that the container listens on; published under the same number."
  type        = number
  nullable    = false

  validation {
    condition     = var.port == floor(var.port) && var.port >= 1 && var.port <= 65535 && var.port != 22
    error_message = "port must be a whole number from 1 to 65535, and not 22."
  }
}

variable "command" {
  description = "Arguments after the image, split as systemd does; null is the image's own."
  type        = string
  default     = null

  # A backslash at the end would join the unit's next line to this one.
  validation {
    condition     = var.command == null ? true : !can(regex("[\r\n]|\\\\$", var.command))
    error_message = "command must be one line and not end with a backslash."
  }
}

variable "env" {
  description = "Environment of the container in clear text; wins over PORT and SITE_NAME."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for key, value in var.env : can(regex("^[A-Za-z_][A-Za-z0-9_]*$", key)) && !can(regex("[\r\n]", value))])
    error_message = "env keys must be shell variable names, and values must be one line."
  }
}

variable "secrets" {
  description = "Environment of the container that nobody should see; wins over env."
  type        = map(string)
  default     = {}
  nullable    = false
  sensitive   = true

  validation {
    condition     = alltrue([for key, value in var.secrets : can(regex("^[A-Za-z_][A-Za-z0-9_]*$", key)) && !can(regex("[\r\n]", value))])
    error_message = "secrets keys must be shell variable names, and values must be one line."
  }
}

variable "registry" {
  description = "Account at the registry that the image comes from; null for a public image."
  type        = object({ server = string, username = string, password = string })
  default     = null
  sensitive   = true

  validation {
    condition     = var.registry == null ? true : can(regex("^[a-z0-9][a-z0-9.-]*(:[0-9]{1,5})?$", var.registry.server))
    error_message = "registry.server must be a host name, with a port where it is not 443."
  }
  validation {
    condition     = var.registry == null ? true : can(regex("^[!-9;-~]{1,255}$", var.registry.username)) && can(regex("^[^\r\n]+$", var.registry.password))
    error_message = "registry.username must have no spaces and no colon, and registry.password must be one line."
  }
}
