locals {
  # What a size is on Google Cloud: instances are x86-64, because customers' images are; databases have processors of
  # their own, because shared ones come without Google's promise of service.
  # Behind each: vCPU and GiB of the instance; vCPU and GiB of the database.
  sizes = {
    small  = { instance = "e2-medium", database = "db-custom-1-3840" }      # 2 (1 lasting), 4; 1, 3.75
    medium = { instance = "e2-standard-2", database = "db-custom-2-7680" }  # 2, 8; 2, 7.5
    large  = { instance = "e2-standard-4", database = "db-custom-4-15360" } # 4, 16; 4, 15
    xlarge = { instance = "e2-standard-8", database = "db-custom-8-30720" } # 8, 32; 8, 30
  }
  size = local.sizes[var.size]
}
