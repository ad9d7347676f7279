locals {
  # What a size is on AWS: instances are x86-64, because customers' images are; databases are Graviton.
  # Behind each: vCPU and GiB of the instance; vCPU and GiB of the database.
  sizes = {
    small  = { instance = "t3.small", database = "db.t4g.small" }     # 2, 2; 2, 2
    medium = { instance = "t3.medium", database = "db.t4g.medium" }   # 2, 4; 2, 4
    large  = { instance = "m6i.xlarge", database = "db.m6g.large" }   # 4, 16; 2, 8
    xlarge = { instance = "m6i.2xlarge", database = "db.m6g.xlarge" } # 8, 32; 4, 16
  }
  size = local.sizes[var.size]
}
