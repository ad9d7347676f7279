locals {
  # Docker Hub is the one registry whose key in Docker's file is not its host name.
  docker_hub = ["docker.io", "index.docker.io", "registry-1.docker.io"]

  # What `docker login` would write. A file, because arguments can be read by every process on the machine.
  registry_auth = var.registry == null ? null : jsonencode({
    auths = {
      (contains(local.docker_hub, var.registry.server) ? "https://index.docker.io/v1/" : var.registry.server) = {
        auth = base64encode("${var.registry.username}:${var.registry.password}")
      }
    }
  })

  user_data = templatefile("${path.module}/site.yaml.tftpl", {
    site_name     = var.site_name
    image         = var.image
    port          = var.port
    command       = var.command
    env           = merge(var.env, var.secrets)
    registry_auth = local.registry_auth
  })
}
