locals {
  # What a size is on DigitalOcean. database_minimum_gb is the least storage of that database.
  # Behind each: vCPU and GiB of the Droplet; vCPU and GiB of the database.
  sizes = {
    small  = { droplet = "s-1vcpu-2gb", database = "db-s-1vcpu-2gb", database_minimum_gb = 30, balancer_nodes = 1 }    # 1, 2; 1, 2
    medium = { droplet = "s-2vcpu-4gb", database = "db-s-2vcpu-4gb", database_minimum_gb = 60, balancer_nodes = 1 }    # 2, 4; 2, 4
    large  = { droplet = "s-4vcpu-8gb", database = "db-s-4vcpu-8gb", database_minimum_gb = 140, balancer_nodes = 2 }   # 4, 8; 4, 8
    xlarge = { droplet = "s-8vcpu-16gb", database = "db-s-6vcpu-16gb", database_minimum_gb = 290, balancer_nodes = 3 } # 8, 16; 6, 16
  }
  size = local.sizes[var.size]
}
