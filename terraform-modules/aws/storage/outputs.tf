output "bucket_name" {
  description = "Name of the bucket."
  value       = aws_s3_bucket.this.bucket
}

output "bucket_arn" {
  description = "ARN of the bucket, for the policy of the instances' role."
  value       = aws_s3_bucket.this.arn
}

output "bucket_endpoint" {
  description = "URL of the bucket in its region."
  value       = "https://${aws_s3_bucket.this.bucket_regional_domain_name}"
}

output "service_endpoint" {
  description = "URL of S3 in the bucket's region, as clients want it."
  value       = "https://${trimprefix(aws_s3_bucket.this.bucket_regional_domain_name, "${aws_s3_bucket.this.bucket}.")}"
}
